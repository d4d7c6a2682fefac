import type { PeerCertificate } from '@fairlead/core/serving';
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { splitNames } from '../../server/peer';

/** What of a call of any kind tells who is at the other end. */
export type PeerSource = Pick<ServerUnaryCall<unknown, unknown>, 'getPeer' | 'getAuthContext'>;

/** Who calls; asked of the connection when somebody asks. */
export function peerOf(source: PeerSource): { readonly address?: string; readonly certificate?: PeerCertificate } {
  return {
    get address() {
      return source.getPeer().replace(/:\d+$/, '');
    },
    get certificate() {
      return certificateOf(source);
    },
  } as { address?: string; certificate?: PeerCertificate };
}

/** grpc-js tells of a certificate only where its chain was verified. */
function certificateOf(source: PeerSource): PeerCertificate | undefined {
  const found = source.getAuthContext().sslPeerCertificate;
  if (found === undefined || typeof found.fingerprint256 !== 'string') return undefined;
  const subject: Record<string, string> = {};
  for (const [field, value] of Object.entries(found.subject ?? {})) {
    subject[field] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return {
    subject,
    fingerprint: found.fingerprint256.replaceAll(':', '').toLowerCase(),
    alternativeNames: splitNames(found.subjectaltname ?? ''),
  };
}
