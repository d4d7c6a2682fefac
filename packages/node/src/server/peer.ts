import type { Socket } from 'node:net';
import { type PeerCertificate as NodeCertificate, TLSSocket } from 'node:tls';
import type { Peer, PeerCertificate } from '@fairlead/core/serving';

/** Who is at the other end of a connection: for all of its time, since a server here allows no renegotiation. */
export function peerOf(socket: Socket): Peer {
  const { remoteAddress: address } = socket;
  const certificate = certificateOf(socket);
  return { ...(address !== undefined && { address }), ...(certificate !== undefined && { certificate }) };
}

/** The certificate of a client; undefined where it has none whose chain was found good. */
function certificateOf(socket: Socket): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const found: Partial<NodeCertificate> | null = socket.getPeerCertificate();
  if (found?.fingerprint256 === undefined) return undefined;
  return {
    subject: subjectOf(found.subject),
    fingerprint: found.fingerprint256.replaceAll(':', '').toLowerCase(),
    alternativeNames: splitNames(found.subjectaltname ?? ''),
  };
}

/** A field that is there twice is no name by which anybody is known: both in one text. */
function subjectOf(subject: unknown): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(subject ?? {})) {
    fields[name] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return fields;
}

/**
 * The names in Node's text of them, `DNS:a, URI:b`. Node writes a name that could be mistaken for several as a string of JSON, and so
 * it is read: what stands in quotation marks is one name.
 */
export function splitNames(text: string): readonly string[] {
  const names: string[] = [];
  for (const [, kind, quoted, plain] of text.matchAll(/(?:^|, )([^:",]+:)(?:("(?:[^"\\]|\\.)*")|([^,"]*))(?=, |$)/g)) {
    names.push(kind + (quoted === undefined ? (plain ?? '') : (JSON.parse(quoted) as string)));
  }
  return names;
}
