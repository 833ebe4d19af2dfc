/**
 * The token of whoever is signed in: in this tab's session storage, never in an address. What it says is shown, not
 * believed: the server verifies it with every request.
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

/** Return the token's claims as it states them, or an empty object where it is none. */
export function claims() {
  try {
    const middle = token().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(middle), (letter) => letter.charCodeAt(0))));
  } catch {
    return {};
  }
}

/** Return whether the token says that its bearer is an operator. */
export function isAdmin() {
  const { scope } = claims();
  return (Array.isArray(scope) ? scope : String(scope ?? "").split(" ")).includes("admin");
}
