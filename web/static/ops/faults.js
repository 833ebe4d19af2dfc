/** Says why an action was refused, in words that an operator can act on. Pure. */

/**
 * Return one sentence per fault.
 * @param {Problem} problem
 * @param {Object<string, string>} names The form's names of the body's members.
 */
export function faultsOf(problem, names) {
  const { status, detail, errors = [], retryAfterSeconds: seconds } = problem;
  if (status === 422 && errors.length) return errors.map(({ field, detail: why }) => `${names[field.split(".")[0]] ?? field}: ${why}.`);
  if (status === 403) return ["Your token does not allow this: it needs admin in its scope."];
  if (status === 429) return [seconds && !detail.includes(`${seconds} s`) ? `${detail} Try again in ${seconds} s.` : detail];
  if (status === 0) return [`${detail} It is not known whether the request arrived: check the lists below before you repeat it.`];
  return [detail];
}
