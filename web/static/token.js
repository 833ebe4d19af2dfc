/**
 * The token of the signed-in user, in this tab's session storage and never in an address. Its claims are shown but not
 * trusted: the server verifies the token with every request.
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

/** Return the token's claims without verifying them; an empty object if it is not a token. */
export function claims() {
  try {
    const middle = token().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(middle), (letter) => letter.charCodeAt(0))));
  } catch {
    return {};
  }
}

/** Return whether the token claims that its bearer is an operator. */
export function isAdmin() {
  const { scope } = claims();
  return (Array.isArray(scope) ? scope : String(scope ?? "").split(" ")).includes("admin");
}
