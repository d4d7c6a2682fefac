/*
 * What must not be kept: credentials that slip into a parameter, a tag, an error's message or the address of a dataset.
 * They are replaced, and whoever logged them is told by the name of the field, never by the value.
 */

/** What stands where a secret was. */
export const redacted = '[redacted]';

/** Names whose values are secrets, in snake case; `max_tokens` and `token_count` are not among them. */
const secretName =
  /(^|[_./ :])(password|passwd|passphrase|secret|client_secret|credentials?|api_?key|access_?key(_id)?|secret_?(access_?)?key|private_?key|(auth|access|refresh|api|bearer|session|id)_?token|authorization)$/;

/** Whether a value of this name is a secret by what people mean by such names. */
export function isSecretName(name: string): boolean {
  const snake = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/-/g, '_');
  return secretName.test(snake.toLowerCase());
}

const patterns: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // The user and password of a URL.
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@:]*(:[^\s/@]*)?@/gi, `$1${redacted}@`],
  // A signature or key among the parameters of a URL.
  [
    /([?&](?:X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|X-Goog-Signature|sig|signature|token|access_token|api_key|apikey|key|password)=)[^&#\s"']+/gi,
    `$1${redacted}`,
  ],
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g, redacted],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9+/_.~-]{12,}=*/g, `$1 ${redacted}`],
  // Tokens that say by their beginning what they are: of AWS, GitHub, GitLab, Slack, npm, Hugging Face and the like.
  [/\b(AKIA|ASIA)[0-9A-Z]{16}\b/g, redacted],
  [
    /\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|npm_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,})/g,
    redacted,
  ],
  [/\bxox[abposr]-[\w-]{10,}/g, redacted],
  [/\bsk-[A-Za-z0-9_-]{20,}/g, redacted],
  [/\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+/g, redacted],
];

/** A text without the secrets that can be recognised in it. */
export function redactSecrets(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement);
  return clean;
}

/**
 * Values by name without secrets: texts whose name says that they are secret are replaced as a whole, and in all others what can be
 * recognised.
 *
 * @param onRedact is told each name whose value was changed
 */
export function redactRecord<T>(
  record: Readonly<Record<string, T>>,
  onRedact: (name: string) => void,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => {
      if (typeof value !== 'string') return [name, value];
      const clean = isSecretName(name) && value !== '' ? redacted : redactSecrets(value);
      if (clean !== value) onRedact(name);
      return [name, clean as T];
    }),
  );
}
