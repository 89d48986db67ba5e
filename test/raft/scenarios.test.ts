// Our own scenarios, one for each known way in which Raft implementations fail; each plays the same twice.
import { describe, expect, it } from 'vitest';
import { durability } from './scenarios/durability.ts';
import { elections } from './scenarios/elections.ts';
import { memberships } from './scenarios/memberships.ts';
import { readsAndFlow } from './scenarios/reads-and-flow.ts';
import type { Cluster } from './support/cluster.ts';

/** Everything a run leaves behind. */
function trace(cluster: Cluster): unknown {
  const members = [...cluster.members.values()];
  return members.map(({ node, applied, readStates, logTerms }) => ({
    status: node.status(),
    applied,
    readStates,
    logTerms,
  }));
}

describe.each([
  ['elections', elections],
  ['durability', durability],
  ['memberships', memberships],
  ['reads and flow control', readsAndFlow],
])('%s', (_group, scenarios) => {
  it.each(scenarios.map((scenario) => [scenario.pitfall, scenario] as const))('immune to %s', (_pitfall, scenario) => {
    expect(trace(scenario.run())).toEqual(trace(scenario.run()));
  });
});
