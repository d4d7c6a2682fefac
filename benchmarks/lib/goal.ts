const pattern = /^(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i;

/**
 * Whether a value meets a goal such as `">= 0.9"`. NaN meets none.
 *
 * @throws RangeError when the goal is not an operator (`>=`, `<=`, `>`, `<`) and a number.
 */
export function meetsGoal(value: number, goal: string): boolean {
  const [, operator, number] = pattern.exec(goal.trim()) ?? [];
  if (operator === undefined) {
    throw new RangeError(`The goal "${goal}" is none: write an operator and a number, such as ">= 0.9".`);
  }
  const bound = Number(number);
  switch (operator) {
    case '>=':
      return value >= bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    default:
      return value < bound;
  }
}
