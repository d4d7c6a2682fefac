import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';
import { parseWeightedList } from '../../weighted-list';
import type { BatchFormat } from './format';

/**
 * The format of a body, by its `content-type`.
 * @throws FairleadError `UNSUPPORTED`
 */
export function formatOfBody(formats: readonly BatchFormat[], contentType: string | null | undefined): BatchFormat {
  const [entry] = parseWeightedList(contentType);
  const { token = '', parameters = {} as Readonly<Record<string, string>> } = entry ?? {};
  const format = formats.find((each) => isCalled(each, token));
  if (format === undefined) throw unsupported('content-type', namesOf(formats), contentType);
  const { charset } = parameters;
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw unsupported('content-type', 'charset utf-8', contentType);
  return format;
}

/**
 * The format that a client wants most, by its `accept`; that of the body where it is content with any.
 * @throws FairleadError `UNSUPPORTED` when it wants others
 */
export function formatOfAnswer(
  formats: readonly BatchFormat[],
  ofBody: BatchFormat,
  accept: string | null | undefined,
): BatchFormat {
  if (accept === null || accept === undefined || accept.trim() === '') return ofBody;
  const wishes = parseWeightedList(accept);
  let best: BatchFormat | undefined;
  let bestQuality = 0;
  // Of equals, that of the body.
  for (const format of [ofBody, ...formats]) {
    const quality = qualityOf(format, wishes);
    if (quality <= bestQuality) continue;
    best = format;
    bestQuality = quality;
  }
  if (best === undefined) throw unsupported('accept', namesOf(formats), accept);
  return best;
}

/** The most exact wish that fits counts. */
function qualityOf(format: BatchFormat, wishes: ReturnType<typeof parseWeightedList>): number {
  const [type] = format.contentType.split('/');
  const exact = wishes.find(({ token }) => isCalled(format, token));
  return (
    (exact ?? wishes.find(({ token }) => token === `${type}/*`) ?? wishes.find(({ token }) => token === '*/*'))
      ?.quality ?? 0
  );
}

function isCalled({ contentType, aliases = [] }: BatchFormat, token: string): boolean {
  return contentType === token || aliases.includes(token);
}

function namesOf(formats: readonly BatchFormat[]): string {
  return formats.map(({ contentType }) => contentType).join(', ');
}

function unsupported(field: string, expected: string, value: string | null | undefined): FairleadError {
  const given = value === null || value === undefined || value === '' ? 'nothing' : describeGiven(value);
  return new FairleadError('UNSUPPORTED', `Header ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
