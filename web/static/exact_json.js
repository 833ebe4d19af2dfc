/** Parses JSON so that whole numbers keep every digit: those beyond 2^53 become BigInt, if the browser supports it. */

export function parseExactly(text) {
  return JSON.parse(text, (_key, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const digits = context?.source;
    return digits && /^-?\d+$/.test(digits) ? BigInt(digits) : value;
  });
}
