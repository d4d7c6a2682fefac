import { many, message, one, scalar } from '../wire/index';

/*
 * What `grpc-status-details-bin` holds, by Google's richer error model: a status once more, with details of any type. Of those, `RetryInfo`
 * alone is written and read here.
 */

export const Duration = message('google.protobuf.Duration', { seconds: scalar('int64', 1), nanos: scalar('int32', 2) });
export const RetryInfo = message('google.rpc.RetryInfo', { retry_delay: one(Duration, 1) });
const AnyDetail = message('google.protobuf.Any', { type_url: scalar('string', 1), value: scalar('bytes', 2) });
export const RichStatus = message('google.rpc.Status', {
  code: scalar('int32', 1),
  message: scalar('string', 2),
  details: many(AnyDetail, 3, 16),
});

const retryInfoUrl = 'type.googleapis.com/google.rpc.RetryInfo';

/** A status with the time after which a retry may succeed. */
export function encodeErrorDetails(code: number, text: string, retryAfterMs: number): Buffer {
  const seconds = Math.floor(retryAfterMs / 1000);
  const delay = { seconds, nanos: Math.round((retryAfterMs - 1000 * seconds) * 1e6) };
  return RichStatus.encode({
    code,
    message: text,
    details: [{ type_url: retryInfoUrl, value: RetryInfo.encode({ retry_delay: delay }) }],
  });
}

/** Milliseconds after which a retry may succeed, where the details tell; never throws, since details are only an extra. */
export function retryAfterOf(details: Uint8Array): number | undefined {
  try {
    const retry = RichStatus.decode(details, 0).details.find(({ type_url }) => type_url === retryInfoUrl);
    const delay = retry && RetryInfo.decode(retry.value, 0).retry_delay;
    return delay && delay.seconds * 1000 + delay.nanos / 1e6;
  } catch {
    return undefined;
  }
}
