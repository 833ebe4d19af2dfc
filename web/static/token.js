/**
 * The token of the signed-in user, in this tab's session storage and never in an address. The server verifies it with
 * every request; here only its scope is read, to know which pages to offer.
 */

const KEY = "frontview.token";

export function token() {
  return sessionStorage.getItem(KEY);
}

export function keepToken(given) {
  sessionStorage.setItem(KEY, given.trim().replace(/^bearer\s+/i, ""));
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
}

/** Return whether what is kept has the form of a token. */
export function isToken() {
  return claims() !== null;
}

/** Return the token's claims without verifying them; null: it is not a token. */
function claims() {
  try {
    const middle = token().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(middle), (letter) => letter.charCodeAt(0))));
  } catch {
    return null;
  }
}

/** Return whether the token claims that its bearer is an operator. */
export function isAdmin() {
  const { scope } = claims() ?? {};
  return (Array.isArray(scope) ? scope : String(scope ?? "").split(" ")).includes("admin");
}
