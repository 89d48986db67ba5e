/**
 * The end-to-end run: a Kubernetes node with real pods, the charts installed by Helm, and a client that appends through the
 * Service without pause while the store is killed, scaled, upgraded and moved. `--short` does less; `--report FILE` writes the
 * report as JSON too. Exits with 1 when an acknowledged append is lost or there twice, or a phase does not end well.
 *
 * Everything is fetched and built first; what changes the machine happens in a machine of its own, without any other network.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { helmProgram } from '../support/kubernetes/binaries.ts';
import { buildImage } from '../support/kubernetes/image/build-image.ts';
import { machineObstacle, runInMachine } from '../support/kubernetes/machine.ts';
import { prepareNode, startNode } from '../support/kubernetes/node/node.ts';
import { KUBERNETES_VERSION } from '../support/kubernetes/versions.ts';
import { AppendingClient } from './appending-client.ts';
import { phases } from './phases.ts';
import type { Phase } from './phases.ts';
import { formatReport, isGood } from './report.ts';
import type { PhaseReport, Report } from './report.ts';
import type { Scene } from './scene.ts';
import { TestCluster } from './test-cluster.ts';
import type { Image } from './test-cluster.ts';

/** What the part outside the machine has made ready for the part inside. */
interface Inside {
  readonly form: 'short' | 'full';
  readonly report: string;
  /** Where to write what tells of a failure; outside the machine, so that it stays. */
  readonly diagnoses: string;
  readonly helm: string;
  readonly archive: string;
  readonly imageBytes: number;
}

const VARIABLE = 'GRAVEYAR_E2E';
const RUN_MILLIS = { short: 15 * 60_000, full: 45 * 60_000 };
const REPOSITORY = 'docker.io/library/graveyar-db';
const IMAGES: readonly [Image, Image] = [
  { repository: REPOSITORY, tag: 'test' },
  { repository: REPOSITORY, tag: 'next' },
];

async function outside(): Promise<number> {
  const options = { short: { type: 'boolean', default: false }, report: { type: 'string' } } as const;
  const { values } = parseArgs({ options });
  const form = values.short ? 'short' : 'full';
  const obstacle = machineObstacle();
  if (obstacle !== null) throw new Error(`real pods cannot be run here: ${obstacle}`);
  await prepareNode();
  const helm = await helmProgram();
  const { archive, bytes: imageBytes } = await buildImage(IMAGES[0].tag);
  const scratch = mkdtempSync(join(tmpdir(), 'graveyar-e2e-'));
  const report = join(scratch, 'report.json');
  try {
    const inside: Inside = { form, report, diagnoses: tmpdir(), helm, archive, imageBytes };
    process.env[VARIABLE] = JSON.stringify(inside);
    const code = await runInMachine([process.execPath, fileURLToPath(import.meta.url)], RUN_MILLIS[form]);
    // A run that ended before its first phase did has none.
    if (values.report !== undefined && existsSync(report)) writeFileSync(values.report, readFileSync(report));
    return code;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function inside({ form, report: file, diagnoses, helm, archive, imageBytes }: Inside): Promise<number> {
  const started = performance.now();
  const node = await startNode();
  await node.runtime.importImages(archive);
  const [now, next] = IMAGES.map(({ repository, tag }) => `${repository}:${tag}`);
  await node.runtime.ctr('images', 'tag', now ?? '', next ?? '');
  const cluster = new TestCluster(node, helm);
  const startSeconds = (performance.now() - started) / 1000;
  console.log(`a node of Kubernetes ${KUBERNETES_VERSION} is ready after ${startSeconds.toFixed(0)} s`);
  const client = new AppendingClient(cluster.address);
  const notes: string[] = [];
  const scene: Scene = {
    cluster,
    images: IMAGES,
    acknowledged: () => client.acknowledged,
    beginToAppend: () => client.start(),
    quietly: (work) => client.quietly(work),
    note: (line) => void notes.push(line),
  };
  const reports: PhaseReport[] = [];
  const report: Report = { form, kubernetes: KUBERNETES_VERSION, startSeconds, imageBytes, phases: reports };
  for (const phase of phases(form)) {
    const phaseReport = { ...(await runPhase(phase, scene, client)), notes: notes.splice(0) };
    for (const line of phaseReport.notes) console.log(`   ${line}`);
    reports.push(phaseReport);
    writeFileSync(file, JSON.stringify(report, null, 2));
    if (phaseReport.failure === '') continue;
    console.log(await cluster.diagnose(diagnoses));
    break;
  }
  console.log(`\n${formatReport(report)}`);
  // What still runs ends with the machine.
  return isGood(report) ? 0 : 1;
}

async function runPhase(
  { name, run }: Phase,
  scene: Scene,
  client: AppendingClient,
): Promise<Omit<PhaseReport, 'notes'>> {
  const started = performance.now();
  console.log(`-- ${name}`);
  let failure = '';
  let verdict = { lost: 0, duplicated: 0, first: '' };
  try {
    await run(scene);
    verdict = await client.judge();
    failure = verdict.first;
  } catch (error) {
    failure = `${(error as Error).message}${client.lastRetry === '' ? '' : `; last retry of an append: ${client.lastRetry}`}`;
  }
  if (client.failure !== null) failure = `an append failed for good: ${client.failure.message}; ${failure}`;
  const appended = client.take();
  const seconds = (performance.now() - started) / 1000;
  const gap = (appended.longestGapMillis / 1000).toFixed(1);
  console.log(`   ${seconds.toFixed(0)} s, ${appended.acknowledged} appends, longest gap ${gap} s ${failure}`);
  return { name, seconds, ...appended, lost: verdict.lost, duplicated: verdict.duplicated, failure };
}

const prepared = process.env[VARIABLE];
// The loops of clients and volumes go on until the end.
process.exit(prepared === undefined ? await outside() : await inside(JSON.parse(prepared) as Inside));
