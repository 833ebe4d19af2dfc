/**
 * Signing in and out: by a token that is pasted, or by the one-use code of a link.
 */

import { Problem, SIGN_IN, forget, post } from "./api.js";
import { byId, h } from "./dom.js";
import { notice } from "./live_state.js";
import { claims, forgetToken, isAdmin, keepToken, token } from "./token.js";

const WORTH_ANOTHER_TRY = [0, 429, 503]; // the code was not looked at, or may not have been
const NO_TOKEN = "That is no token. One has three parts with dots between them: copy all of it.";
let isLeaving = false;

/** Return once somebody is signed in; shows the form as long as nobody is. `why` is said above it. */
export async function signedIn(why = "") {
  const code = takeCode();
  const link = code ? await redeem(code) : { fault: why };
  if (!token()) await form(link);
  else if (link.fault) notice("link", `${link.fault} You are still signed in as before.`, "warn");
  stayWithWhoItIs();
  showWho();
}

/** Forget who is signed in and everything they were shown, and begin anew. */
export function signOut(why = "") {
  if (isLeaving) return; // what fails while the page goes is no reason
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

/** Return the code of the address, if it holds one; it is out of the address before anything else happens. */
function takeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code) history.replaceState(null, "", location.pathname + location.search);
  return code;
}

/** Sign in with a code; return {fault, code}: what went wrong, and the code if it is worth another try. */
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

/** Show the form until somebody has signed in by it, or by the link's code at another try. */
function form({ fault, code }) {
  const [section, field] = [byId("sign-in"), byId("token")];
  byId("page").hidden = true;
  section.hidden = false;
  return new Promise((resolve) => {
    const show = (told) => {
      byId("token-fault").textContent = told.fault;
      byId("try-link").hidden = !told.code;
      field.value = "";
      field.focus();
    };
    const end = (told) => {
      if (!token()) return show(told);
      section.hidden = true;
      return resolve();
    };
    byId("try-link").onclick = async () => end(await redeem(code));
    byId("sign-in-form").onsubmit = (event) => {
      event.preventDefault();
      keepToken(field.value);
      if (!claims().sub) forgetToken();
      end({ fault: NO_TOKEN });
    };
    show({ fault, code });
  });
}

/** A page that the browser kept, or one that another link was put into, is of whoever it was made for. */
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
  const { sub } = claims();
  byId("who").textContent = `Signed in as user ${sub}${isAdmin() ? ", operator" : ""}`;
  byId("sign-out").hidden = false;
  byId("sign-out").onclick = () => signOut();
  const pages = isAdmin() ? [["/", "Dashboard"], ["/ops", "Operations"]] : [];
  byId("pages").replaceChildren(
    ...pages.map(([address, name]) =>
      h("a", { href: address, "aria-current": location.pathname === address ? "page" : null }, name),
    ),
  );
}
