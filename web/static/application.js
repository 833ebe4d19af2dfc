/**
 * What the server says about the application and about who is signed in. Which claim of a token holds a user's key, and
 * what keys look like, is for the application to decide, so no page reads a key from the token.
 */

import { readUnlessSame } from "./api.js";

const ADDRESS = "/api/v1/application";
let known = null;

/** Read the current description; it is the same object until it changes. */
export async function readApplication({ signal } = {}) {
  known = await readUnlessSame(ADDRESS, { signal });
  return known;
}

/** Return the description as it was last read: who is signed in stays the same as long as a page is open. */
export async function application({ signal } = {}) {
  return known ?? readApplication({ signal });
}
