/**
 * Signing in and out: by a token that is pasted, or by the one-use code of a link.
 */

import { Problem, forget, post } from "./api.js";
import { byId, h } from "./dom.js";
import { claims, forgetToken, isAdmin, keepToken, token } from "./token.js";

/** Return once somebody is signed in; shows the form as long as nobody is. `why` is said above it. */
export async function signedIn(why = "") {
  let fault = why;
  if (!token() || linkCode()) {
    try {
      await redeemCode();
    } catch (problem) {
      if (!token()) fault = problem.detail;
    }
  }
  if (!token()) await form(fault);
  showWho();
}

/** Forget who is signed in and everything they were shown, and begin anew. */
export function signOut(why = "") {
  if (!token()) return; // done already: what fails while the page goes is no reason
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

function linkCode() {
  return new URLSearchParams(location.hash.slice(1)).get("code");
}

/** Sign in with the code of the address, if it holds one; it is taken out of the address first. */
async function redeemCode() {
  const code = linkCode();
  if (!code) return;
  history.replaceState(null, "", location.pathname + location.search);
  const answer = await post("/api/v1/sign-in", { code });
  if (!answer.token) throw new Problem({ detail: "The server answered a sign-in without a token." });
  keepToken(answer.token);
}

function form(fault) {
  const [section, field] = [byId("sign-in"), byId("token")];
  byId("token-fault").textContent = fault;
  byId("page").hidden = true;
  section.hidden = false;
  field.value = "";
  field.focus();
  return new Promise((resolve) => {
    byId("sign-in-form").onsubmit = (event) => {
      event.preventDefault();
      keepToken(field.value);
      field.value = "";
      if (!claims().sub) {
        forgetToken();
        byId("token-fault").textContent = "That is no token: it has three parts with dots between them, and a sub.";
        field.focus();
        return;
      }
      section.hidden = true;
      resolve();
    };
  });
}

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
