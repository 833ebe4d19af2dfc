/**
 * The description of a declared application's API: read with the token, and shown as the server wrote it.
 *
 * The answer is parsed by the request itself (`responseType`), since the page's policy lets no script make markup of text.
 */

import { Problem, request } from "../api.js";
import { byId } from "../dom.js";
import { notice } from "../live_state.js";
import { signOut, signedIn, whySignedOut } from "../sign_in.js";
import { token } from "../token.js";

/** Return the server's page, or null if the answer is none. */
function described() {
  return new Promise((resolve) => {
    const asked = new XMLHttpRequest();
    asked.open("GET", "./docs");
    asked.responseType = "document";
    asked.setRequestHeader("Authorization", `Bearer ${token()}`);
    asked.onloadend = () => resolve(asked.status === 200 ? asked.response : null);
    asked.send();
  });
}

async function show() {
  const found = await described();
  if (found) {
    byId("description").replaceChildren(...found.body.childNodes);
    byId("description").querySelector("a[href='openapi.json']").onclick = openDocument;
    return undefined;
  }
  try {
    await request("/docs"); // It says why.
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401) return signOut(problem.detail);
    return notice("no-description", `${problem.detail} Load the page again.`, "bad");
  }
  return location.reload();
}

/** Open the document, which a plain link would ask for without the token. */
async function openDocument(event) {
  event.preventDefault();
  const response = await request("/openapi.json");
  location.assign(URL.createObjectURL(await response.blob()));
}

await signedIn(whySignedOut());
byId("page").hidden = false;
await show();
