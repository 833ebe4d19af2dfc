/**
 * Signing in, by a pasted token or by the one-use code of a link, and out.
 */

import { Problem, SIGN_IN, forget, post } from "./api.js";
import { byId, h } from "./dom.js";
import { notice } from "./live_state.js";
import { forgetToken, isAdmin, isToken, keepToken, token } from "./token.js";

const WORTH_ANOTHER_TRY = [0, 429, 503]; // Statuses after which the code may still be unused.
const NO_TOKEN = "That is not a token. A token has three parts with dots between them: copy all of it.";
let isLeaving = false;

/** Return once a user is signed in; show the form until then, with `why` above it. */
export async function signedIn(why = "") {
  const code = takeCode();
  const link = code ? await redeem(code) : { fault: why };
  if (!token()) await form(link);
  else if (link.fault) notice("link", `${link.fault} You are still signed in as before.`, "warn");
  stayWithWhoItIs();
  showWho();
}

/** Delete the token and all kept answers, and load the page again. */
export function signOut(why = "") {
  if (isLeaving) return; // Failures while the page is being left are no reason to sign out.
  isLeaving = true;
  forgetToken();
  forget();
  if (why) sessionStorage.setItem("frontview.why", why);
  location.reload();
}

/** Return, once, why the last sign-out happened. */
export function whySignedOut() {
  const why = sessionStorage.getItem("frontview.why") ?? "";
  sessionStorage.removeItem("frontview.why");
  return why;
}

/** Return the code of the address, if it has one, and remove it from the address before anything else happens. */
function takeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code) history.replaceState(null, "", location.pathname + location.search);
  return code;
}

/** Sign in with a code; return {fault, code}: the error, and the code if another attempt may succeed. */
async function redeem(code) {
  try {
    const answer = await post(SIGN_IN, { code });
    keepToken(answer.token);
    return { fault: "" };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return { fault: problem.detail, code: WORTH_ANOTHER_TRY.includes(problem.status) ? code : null };
  }
}

/** Show the form until a user has signed in with it, or with the link's code at another attempt. */
function form({ fault, code }) {
  const [section, field] = [byId("sign-in"), byId("token")];
  byId("page").hidden = true;
  section.hidden = false;
  return new Promise((resolve) => {
    const show = (outcome) => {
      byId("token-fault").textContent = outcome.fault;
      byId("try-link").hidden = !outcome.code;
      field.value = "";
      field.focus();
    };
    const end = (outcome) => {
      if (!token()) return show(outcome);
      section.hidden = true;
      return resolve();
    };
    byId("try-link").onclick = async () => end(await redeem(code));
    byId("sign-in-form").onsubmit = (event) => {
      event.preventDefault();
      keepToken(field.value);
      if (!isToken()) forgetToken();
      end({ fault: NO_TOKEN });
    };
    show({ fault, code });
  });
}

/** A page that the browser kept, or whose link was replaced by another one, still belongs to its first user. */
function stayWithWhoItIs() {
  const mine = token();
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted && token() !== mine) location.reload();
  });
}

addEventListener("hashchange", () => {
  if (location.hash.startsWith("#code=")) location.reload();
});

function showWho() {
  byId("who").textContent = isAdmin() ? "Signed in, operator" : "Signed in"; // Each page says more once the server has.
  byId("sign-out").hidden = false;
  byId("sign-out").onclick = () => signOut();
  const pages = isAdmin() ? [["./", "Dashboard"], ["ops", "Operations"]] : [];
  byId("pages").replaceChildren(
    ...pages.map(([address, name]) =>
      h("a", { href: address, "aria-current": new URL(address, location).pathname === location.pathname ? "page" : null }, name),
    ),
  );
}
