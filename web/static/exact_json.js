/** JSON whose whole numbers keep every digit: those beyond 2^53 become BigInt, as far as the browser tells their text. */

export function parseExactly(text) {
  return JSON.parse(text, (_key, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const digits = context?.source;
    return digits && /^-?\d+$/.test(digits) ? BigInt(digits) : value;
  });
}
