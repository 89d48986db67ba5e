/**
 * Elements that a test knows to be there.
 */

/** The element at `index`. Throws when there is none. */
export function nth<T>(list: ArrayLike<T>, index: number): T {
  if (!Number.isInteger(index) || index < 0 || index >= list.length)
    throw new Error(`no element ${index} of ${list.length}`);
  return list[index] as T;
}
