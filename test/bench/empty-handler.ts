/** A process with the yardstick server: prints its port, and ends with its parent. */
import { startEmptyServer } from '../../src/grpc/empty-server.ts';

process.stdin.on('end', () => process.exit(0)).resume();
console.log(await startEmptyServer('127.0.0.1'));
