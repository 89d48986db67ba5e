/**
 * Whether an object is as it was wanted, although the API server has added defaults and its own fields to it.
 */

/** True when `actual` has everything that `wanted` has. Lists must have the same length; what is undefined is not wanted. */
export function includes(actual: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) {
    // The API server leaves out what is empty.
    if (wanted.length === 0) return actual === undefined || (Array.isArray(actual) && actual.length === 0);
    return (
      Array.isArray(actual) && actual.length === wanted.length && wanted.every((item, at) => includes(actual[at], item))
    );
  }
  if (typeof wanted === 'object' && wanted !== null) {
    const fields = Object.entries(wanted);
    if (fields.length === 0) return actual === undefined || typeof actual === 'object';
    if (typeof actual !== 'object' || actual === null) return false;
    return fields.every(([name, value]) => includes((actual as Record<string, unknown>)[name], value));
  }
  return actual === wanted;
}
