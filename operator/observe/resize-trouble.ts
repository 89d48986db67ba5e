/**
 * Why a volume does not grow, from what the resizers of Kubernetes write into its claim. Older ones write only Events, which are not read here.
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/#recovering-from-failure-when-expanding-volumes
 */
import type { Claim } from './kinds.ts';
import { bytesOf } from './quantity.ts';

const FAILED_CONDITIONS = new Set(['ControllerResizeError', 'NodeResizeError']);
/** Infeasible: it is not tried again. The second word is that of older versions. */
const GIVEN_UP = /(?:Infeasible|Failed)$/;
const LONGEST = 500;

/** Null: it is as large as it asks for, or on its way. */
export function resizeTroubleOf({ spec, status = {} }: Claim): string | null {
  const { capacity, conditions = [], allocatedResourceStatuses } = status;
  if (bytesOf(capacity?.storage) >= bytesOf(spec?.resources?.requests?.storage)) return null;
  const stage = allocatedResourceStatuses?.storage ?? '';
  const errors = conditions
    .filter(({ type = '', status: value }) => value === 'True' && FAILED_CONDITIONS.has(type))
    .map(({ type = '', message = '' }) => [type, message.trim()].filter((part) => part !== '').join(': '));
  const parts = [...(GIVEN_UP.test(stage) ? [stage] : []), ...errors];
  return parts.length === 0 ? null : parts.join(', ').slice(0, LONGEST);
}
