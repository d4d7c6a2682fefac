/** What is asked for: in how many of a hundred canaries without harm a rollback is let pass, and the same as a bound of the normal law. */
export const levels = [
  { rate: 0.05, name: '5 %', z: 1.6448536269514722 },
  { rate: 0.01, name: '1 %', z: 2.3263478740408408 },
] as const;
