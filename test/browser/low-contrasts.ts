/**
 * Texts of a page whose contrast is below the 4.5 that WCAG asks for, ten at most: their colour is too near to what lies
 * behind them. Runs in the page, so it may use nothing from here.
 *
 * @param selector the elements whose own texts count
 */
export function lowContrasts(selector: string): string[] {
  const channels = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string): number => {
    const [red = 0, green = 0, blue = 0] = channels(color).map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element: Element | null): string => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if ((channels(backgroundColor)[3] ?? 1) === 1) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const low: string[] = [];
  for (const element of document.querySelectorAll(selector)) {
    const text = [...element.childNodes]
      .filter((node) => node.nodeType === 3)
      .map((node) => node.textContent?.trim())
      .join('');
    if (text === '' || (element as HTMLButtonElement).disabled === true) continue;
    const style = getComputedStyle(element);
    const front = luminance(element.tagName === 'text' ? style.fill : style.color);
    const back = luminance(behind(element));
    const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (contrast < 4.5) low.push(`${element.tagName} "${text.slice(0, 30)}": ${contrast.toFixed(2)}`);
  }
  return [...new Set(low)].slice(0, 10);
}
