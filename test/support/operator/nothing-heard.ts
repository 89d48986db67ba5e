/** What an operator knows beside the objects of a cluster when it has heard and tried nothing yet. */
import type { Circumstances } from '../../../operator/observe/observe-cluster.ts';

export const NOTHING_HEARD: Circumstances = {
  now: '2026-05-04T03:02:01Z',
  freshClusterId: 'x',
  answers: new Map(),
  secretTrouble: null,
  podTroubles: new Map(),
  lastFailures: [],
};
