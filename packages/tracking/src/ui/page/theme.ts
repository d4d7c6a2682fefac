import { useEffect, useState } from 'preact/hooks';
import { useKept } from './hooks';

/** What the reader chose; `system` follows the machine. */
export type ThemeChoice = 'system' | 'light' | 'dark';

const dark = matchMedia('(prefers-color-scheme: dark)');

/** The theme that is seen, and the choice that leads to it. */
export function useTheme(): { theme: 'light' | 'dark'; choice: ThemeChoice; choose: (choice: ThemeChoice) => void } {
  const [choice, choose] = useKept<ThemeChoice>('theme', 'system');
  const [systemDark, setSystemDark] = useState(dark.matches);
  useEffect(() => {
    const onChange = (): void => setSystemDark(dark.matches);
    dark.addEventListener('change', onChange);
    return () => dark.removeEventListener('change', onChange);
  }, []);
  const theme = choice === 'system' ? (systemDark ? 'dark' : 'light') : choice;
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return { theme, choice, choose };
}
