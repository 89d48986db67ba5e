/**
 * Amounts as the API writes them: `10Gi`, `1.5G`, `1e9`, `500m`.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Whole bytes, rounded up as the API server does; 0 when the text is no amount or none is given. */
export function bytesOf(quantity: string | undefined): number {
  const match = /^\+?(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i))?$/.exec(quantity ?? '');
  if (match === null) return 0;
  const [, digits = '', exponent = '', suffix = ''] = match;
  const bytes = Number(digits + exponent) * (FACTORS[suffix] ?? 1);
  return Number.isFinite(bytes) ? Math.ceil(bytes) : 0;
}
