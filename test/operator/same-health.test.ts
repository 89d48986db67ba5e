// "Healthy" means the same in the GraveyarCluster resource and in `graveyar cluster status`, but for what only the operator knows.
import { describe, expect, it } from 'vitest';
import type { ClusterState } from '../../src/client/index.ts';
import { statusText } from '../../src/cli/cluster/status-text.ts';
import { CAUGHT_UP_ENTRIES as MEMBERS_SAY } from '../../src/cluster/caught-up.ts';
import { CAUGHT_UP_ENTRIES } from '../../operator/plan/cluster-view.ts';
import type { ConfiguredMember, MemberAnswer, Observed } from '../../operator/plan/observed.ts';
import { plan } from '../../operator/plan/plan.ts';
import { member } from './world/plan-rows.ts';
import type { SceneMember } from './world/scene.ts';
import { observedScene } from './world/scene.ts';

/** Three members of which the third is so, by the leader's word and by Kubernetes. */
interface Case {
  readonly said?: Partial<ConfiguredMember>;
  readonly scene?: Partial<SceneMember>;
}

function observedWith({ said = {}, scene = {} }: Case): Observed {
  const observed = observedScene({ members: [member(1), member(2), member(3, scene)] });
  const leader = leaderOf(observed);
  const members = leader.members.map((one) => (one.name === 'foo-3' ? { ...one, ...said } : one));
  return { ...observed, answers: new Map(observed.answers).set('foo-1', { ...leader, members }) };
}

function leaderOf({ answers }: Observed): MemberAnswer {
  const leader = answers.get('foo-1');
  if (leader?.kind !== 'member') throw new Error('foo-1 answers');
  return leader;
}

function inTheResource(one: Case): boolean | undefined {
  return plan(observedWith(one)).status.members?.find(({ name }) => name === 'foo-3')?.healthy;
}

/** What the command prints of foo-3, by the same leader's word. */
function inTheCommand(one: Case): string | undefined {
  const { members, ...rest } = leaderOf(observedWith(one));
  const addresses = { peerAddress: 'p:1', clientAddress: 'c:1' };
  const state: ClusterState = { ...rest, events: 0, members: members.map((each) => ({ ...each, ...addresses })) };
  const text = statusText(state);
  expect(text).toContain(`${/^foo-3 .* yes /m.test(text) ? 3 : 2} of 3 voters are healthy`);
  return /^foo-3 +\d+ +voter +(\w+)/m.exec(text)?.[1];
}

describe('a member that is', () => {
  it.each<[string, Case, boolean]>([
    ['well', {}, true],
    ['behind by as much as is allowed', { said: { matchIndex: 9_000 } }, true],
    ['behind by one more', { said: { matchIndex: 8_999 } }, false],
    ['not known to have anything', { said: { matchIndex: null } }, false],
    ['sent a snapshot', { said: { snapshotting: true } }, false],
    ['not heard of', { said: { active: false } }, false],
  ])('%s is healthy in both, or in neither', (_, one, healthy) => {
    expect(inTheResource(one)).toBe(healthy);
    expect(inTheCommand(one)).toBe(healthy ? 'yes' : 'no');
  });

  it.each<[string, Case]>([
    ['without a ready pod', { scene: { pod: { state: 'running' } } }],
    ['about to lose its volume', { scene: { claim: { deleting: true } } }],
  ])('%s is not healthy for the operator alone', (_, one) => {
    expect(inTheResource(one)).toBe(false);
    expect(inTheCommand(one)).toBe('yes');
  });

  it('a follower, asked alone, is not known to be well or not', () => {
    expect(inTheCommand({ said: { active: null } })).toBe('unknown');
  });
});

describe('how far a member may be behind', () => {
  it('is one number', () => {
    expect(CAUGHT_UP_ENTRIES).toBe(MEMBERS_SAY);
  });
});
