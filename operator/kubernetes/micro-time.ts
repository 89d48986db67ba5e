/**
 * Times as the API writes them. A Lease has microseconds (`V1MicroTime`) and refuses fewer; everything else has whole seconds (`V1Time`).
 */

/** `2026-05-04T03:02:01.000000Z`, of microseconds since the epoch. */
export function microTime(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(Math.floor(micros - seconds * 1_000_000)).padStart(6, '0');
  return `${wholeSeconds(seconds)}.${fraction}Z`;
}

/** `2026-05-04T03:02:01Z`, of microseconds since the epoch. */
export function time(micros: number): string {
  return `${wholeSeconds(Math.floor(micros / 1_000_000))}Z`;
}

function wholeSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}
