/**
 * Makes ready, once, what the Kubernetes tests run: programs that are built, packages that are installed. A step of its own, so that
 * no test's time is spent with it.
 */
import { helmProgram } from './binaries.ts';
import { prepareNode } from './node/node.ts';

await prepareNode();
await helmProgram();
