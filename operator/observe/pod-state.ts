/**
 * How far a pod is, from what its kubelet and the scheduler say of it. Knows nothing of the member inside.
 */
import type { PodState } from '../plan/observed.ts';
import { CONTAINER } from '../resources/names.ts';
import type { Pod } from './kinds.ts';

/** Why a container waits when it is on its way. Everything else means that something is wrong. */
const STARTING = new Set(['ContainerCreating', 'PodInitializing', 'Pulling', '']);

/** The state, and what is said about it when it is not running. */
export function podStateOf({ spec, status = {} }: Pod): { readonly state: PodState; readonly trouble: string | null } {
  const { phase = 'Pending', conditions = [], containerStatuses = [] } = status;
  if (phase === 'Failed' || phase === 'Succeeded') {
    return { state: 'failing', trouble: words(status.reason ?? `phase ${phase}`, status.message) };
  }
  if ((spec?.nodeName ?? '') === '') {
    const scheduled = conditions.find(({ type }) => type === 'PodScheduled');
    return { state: 'unscheduled', trouble: words(scheduled?.reason, scheduled?.message) };
  }
  const container = containerStatuses.find(({ name }) => name === CONTAINER);
  const { waiting, running, terminated } = container?.state ?? {};
  if (running !== undefined && running !== null) {
    const ready = conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True');
    return { state: ready ? 'ready' : 'running', trouble: null };
  }
  if (terminated !== undefined) return { state: 'failing', trouble: endWords(terminated) };
  if (waiting === undefined || STARTING.has(waiting.reason ?? '')) {
    const ended = container?.lastState?.terminated;
    if (ended !== undefined) return { state: 'failing', trouble: endWords(ended) };
    return { state: 'starting', trouble: null };
  }
  return { state: 'failing', trouble: words(waiting.reason, waiting.message) };
}

function endWords(ended: {
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
}): string | null {
  return words(`${ended.reason ?? 'Ended'} (exit code ${ended.exitCode ?? 'unknown'})`, ended.message);
}

const LONGEST = 500;

function words(reason: string | undefined, message: string | undefined): string | null {
  const text = [reason, message?.trim()].filter((part) => part !== undefined && part !== '').join(': ');
  return text === '' ? null : text.slice(0, LONGEST);
}
