/** Why an action was refused, in words an operator can act on. Pure. */

/**
 * Return one sentence a fault.
 * @param {Problem} problem
 * @param {Object<string, string>} names of the body's members, as the form calls them.
 */
export function faultsOf(problem, names) {
  const { status, detail, errors = [], retryAfterSeconds: seconds } = problem;
  if (status === 422 && errors.length) return errors.map(({ field, detail: why }) => `${names[field.split(".")[0]] ?? field}: ${why}.`);
  if (status === 403) return ["Your token does not allow this: it needs admin in its scope."];
  if (status === 429) return [seconds && !detail.includes(`${seconds} s`) ? `${detail} There is room again in ${seconds} s.` : detail];
  if (status === 0) return [`${detail} Whether it was asked is not known: look at the lists below before you ask again.`];
  return [detail];
}
