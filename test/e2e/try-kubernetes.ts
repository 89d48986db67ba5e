/**
 * A Kubernetes node for trying things out: `npm run kubernetes` gives a shell in which kubectl and helm talk to an empty cluster of one
 * node that has the project's image under the name that the charts use; `npm run kubernetes -- COMMAND ARGUMENTS` runs a command in
 * it. Everything ends with the shell. Needs root, as real pods do.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { helmProgram } from '../support/kubernetes/binaries.ts';
import { buildImage } from '../support/kubernetes/image/build-image.ts';
import { machineDirectory, machineObstacle, runInMachine } from '../support/kubernetes/machine.ts';
import { prepareNode, startNode } from '../support/kubernetes/node/node.ts';
import { KUBERNETES_VERSION } from '../support/kubernetes/versions.ts';
import { ROOT } from '../support/source-tree.ts';

interface Inside {
  readonly helm: string;
  readonly archive: string;
  readonly reference: string;
}

const VARIABLE = 'GRAVEYAR_TRY_KUBERNETES';
const SHELL_MILLIS = 12 * 3_600_000;

async function outside(command: readonly string[]): Promise<number> {
  const obstacle = machineObstacle();
  if (obstacle !== null) throw new Error(`real pods cannot be run here: ${obstacle}`);
  await prepareNode();
  const helm = await helmProgram();
  const inside: Inside = { helm, ...(await buildImage('test')) };
  process.env[VARIABLE] = JSON.stringify(inside);
  const again = [process.execPath, fileURLToPath(import.meta.url), ...command];
  return runInMachine(again, SHELL_MILLIS, 'inherit');
}

async function inside({ helm, archive, reference }: Inside, command: readonly string[]): Promise<number> {
  const node = await startNode();
  await node.runtime.importImages(archive);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };
  await node.runtime.ctr('images', 'tag', reference, `docker.io/library/graveyar_db:${version}`);
  const home = join(machineDirectory() ?? '', 'home');
  const programs = join(home, 'bin');
  mkdirSync(programs, { recursive: true });
  symlinkSync(helm, join(programs, 'helm'));
  symlinkSync(node.plane.programs.kubectl, join(programs, 'kubectl'));
  console.error(`a node of Kubernetes ${KUBERNETES_VERSION} is ready; kubectl and helm talk to it`);
  const [program = 'bash', ...args] = command;
  const child = spawn(program, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      HOME: home,
      KUBECONFIG: node.plane.kubeconfig,
      PATH: `${programs}${delimiter}${process.env['PATH'] ?? ''}`,
    },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

const prepared = process.env[VARIABLE];
const command = process.argv.slice(2);
process.exit(prepared === undefined ? await outside(command) : await inside(JSON.parse(prepared) as Inside, command));
