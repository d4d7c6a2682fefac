import { driveGrpc, type GrpcLoad } from './grpc-load';
import { driveHttp, type HttpLoad } from './http-load';

/* Drives loads in a process of its own, so that a server does not share its thread with what asks it. */

const drive = (load: HttpLoad | GrpcLoad): Promise<unknown> => ('method' in load ? driveGrpc(load) : driveHttp(load));

process.on('message', (load: HttpLoad | GrpcLoad) => {
  drive(load).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
