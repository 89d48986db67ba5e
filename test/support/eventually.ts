/**
 * Waiting for a condition, with a deadline.
 */

/** Resolves once `condition` holds. Rejects after `millis`, saying `what` was waited for. */
export async function eventually(what: string, condition: () => boolean, millis = 20_000): Promise<void> {
  const end = performance.now() + millis;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${millis} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
