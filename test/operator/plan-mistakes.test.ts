// Mistakes planted in the rules of the plan: each has to be caught by the laws of the simulated world, or what they hold would not be held.
// The seeds are fixed: the lives are the same every time.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { viewCluster } from '../../operator/plan/cluster-view.ts';
import type { Place, Places } from '../../operator/plan/place.ts';
import type { Rules } from '../../operator/plan/rules.ts';
import { RULES } from '../../operator/plan/rules.ts';
import { live, stories } from './world/story.ts';

const LIVES = 1500;

/** What the first life with these rules that fails tells; null: none fails. */
function firstFailure(rules: Partial<Rules>): string | null {
  const property = fc.property(stories('fresh'), (story) => {
    live(story, { ...RULES, ...rules });
  });
  const { failed, errorInstance } = fc.check(property, { numRuns: LIVES, seed: 3, endOnFailure: true });
  return failed && errorInstance instanceof Error ? (errorInstance.message.split('\n')[0] ?? '') : null;
}

/** Believes whoever calls itself leader, if no more than itself follows it. */
function believeAnybody(clusterId: string, places: Places): ReturnType<typeof viewCluster> {
  for (const place of places.values()) {
    const { answer } = place;
    if (answer.kind !== 'member' || answer.role !== 'leader') continue;
    const follow = ([name, other]: [string, Place]): [string, Place] => {
      const { answer: said } = other;
      if (said.kind !== 'member') return [name, other];
      return [
        name,
        {
          ...other,
          answer: {
            ...said,
            term: answer.term,
            leaderId: answer.memberId,
            role: said === answer ? 'leader' : 'follower',
          },
        },
      ];
    };
    return viewCluster(clusterId, new Map([...places].map(follow)));
  }
  return null;
}

describe('the laws of the simulated world catch a plan that', () => {
  const mistakes: readonly (readonly [string, Partial<Rules>, RegExp])[] = [
    ['stops members whoever else works', { mayStop: () => true }, /no majority|which leads/],
    ['removes voters whoever else works', { mayRemove: ({ voters }) => voters.length > 1 }, /quorum/],
    [
      'promotes learners whoever else works',
      { mayPromote: (_, learner) => learner.healthy },
      /majority that is not there/,
    ],
    ['replaces voters that are only silent', { mayReplace: () => true }, /without a quorum|no rest/],
    ['adds a second learner', { mayAddLearner: () => true }, /second learner/],
    [
      'takes members for removed ones',
      { isOut: ({ voters }) => voters.length >= 3, mayDeleteVolume: () => true },
      /deletes the volume/,
    ],
    ['believes any leader', { viewCluster: believeAnybody }, /./],
    [
      'counts half as a majority',
      {
        mayStop: (view, { id }) =>
          view.voters.filter((one) => one.works && one.id !== id).length >= view.voters.length / 2,
      },
      /no majority/,
    ],
    [
      'founds with whoever waits',
      { mayFound: (_, places) => [...places.values()].find(({ answer }) => answer.kind === 'waiting') ?? null },
      /founds|no rest/,
    ],
  ];
  it.each(mistakes)('%s', { timeout: 600_000 }, (_, rules, expected) => {
    expect(firstFailure(rules)).toMatch(expected);
  });
});
