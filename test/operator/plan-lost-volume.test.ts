// The plan for volumes that are lost or being deleted: what is done in a scene, and what is not.
import { describe } from 'vitest';
import { hold, member, silent, three } from './world/plan-rows.ts';
import type { SceneMember } from './world/scene.ts';

describe('a lost volume', () => {
  const lost = (id = 201): SceneMember => member(2, { id, role: 'none' });
  const learner = member(2, { id: 201, role: 'learner' });
  hold([
    ['is not seen in silence', { members: [member(1), member(2, silent), member(3)] }, 'nothing'],
    ['is seen in another id', { members: [...three, lost()] }, 'add-learner foo-2'],
    ['is replaced when the new one has caught up', { members: [...three, learner] }, 'replace foo-2'],
    ['and not before', { members: [...three, { ...learner, behind: 2000 }] }, 'nothing'],
    [
      'is let go when Kubernetes says so',
      { members: [member(1), member(2, { ...silent, claim: { phase: 'Lost' } }), member(3)] },
      'delete-claim foo-2',
    ],
    [
      'when somebody deletes it',
      { members: [member(1), member(2, { claim: { deleting: true } }), member(3)] },
      'delete-pod foo-2',
    ],
    [
      'of the leader, after it has handed over',
      { members: [member(1, { claim: { deleting: true } }), member(2), member(3)] },
      'transfer-leadership foo-2',
    ],
    [
      'not when the others are no majority',
      { members: [member(1), member(2, { claim: { deleting: true } }), member(3, silent)] },
      'nothing',
    ],
    [
      'not of the only member, which another one joins first',
      { members: [member(1, { claim: { deleting: true } })] },
      'apply-stateful-set foo-2',
    ],
    [
      'gets the data,',
      { members: [member(1, { claim: { deleting: true } }), member(2, { role: 'none' })] },
      'add-learner foo-2',
    ],
    [
      'a vote,',
      { members: [member(1, { claim: { deleting: true } }), member(2, { role: 'learner' })] },
      'promote foo-2',
    ],
    [
      'and leads,',
      { members: [member(1, { claim: { deleting: true } }), member(2)], replicas: 1 },
      'transfer-leadership foo-2',
    ],
    [
      'so that it can be let go',
      { members: [member(1, { claim: { deleting: true } }), member(2)], replicas: 1, leader: 2 },
      'remove foo-1',
    ],
    ['nothing is done without a leader', { members: [...three, lost()], leader: null }, 'nothing'],
  ]);
});
