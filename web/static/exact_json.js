/** JSON in which whole numbers keep every digit: those beyond 2^53 are BigInt, if the browser supports it. */

export function parseExactly(text) {
  return JSON.parse(text, (_key, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const digits = context?.source;
    return digits && /^-?\d+$/.test(digits) ? BigInt(digits) : value;
  });
}

/** A browser that cannot write such a number writes it as text, which the server refuses rather than mistakes. */
export function writeExactly(value) {
  const written = (digits) => JSON.rawJSON?.(digits) ?? digits;
  return JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? written(String(item)) : item));
}
