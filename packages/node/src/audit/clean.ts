/** API keys and tokens, which somebody may have put where a name belongs. */
const secrets = /fl_[0-9a-f]{16}_[\w-]*|eyJ[\w-]{5,}(\.[\w-]*){0,4}|bearer\s+\S+/gi;

/**
 * A text of somebody's as it may stand in a log: without secrets, and not endless.
 * @param longest characters that are kept
 */
export function clean(text: string, longest = 256): string {
  // Cut first, so that a long text costs no time; twice what is kept, so that no half of a secret stays at the cut.
  const kept = text.length > 16 * longest ? text.slice(0, 16 * longest) : text;
  const without = kept.replace(secrets, '[secret]');
  return without.length > longest ? `${without.slice(0, longest)}…` : without;
}
