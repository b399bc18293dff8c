/** Exact fractions: the rule language compares and computes without rounding, as the solver does. */

/** A fraction in lowest terms; the denominator is positive. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const DECIMAL_FORM = /^(-?)(\d{1,400})(?:\.(\d{1,400}))?(?:e([+-]?\d{1,3}))?$/i;
const FRACTION_FORM = /^(-?\d{1,400})\/(\d{1,400})$/;

/** @throws RangeError when the denominator is zero. */
export function rational(numerator: bigint, denominator = 1n): Rational {
  if (denominator === 0n) throw new RangeError('A fraction has a denominator other than zero.');
  const sign = denominator < 0n ? -1n : 1n;
  const divisor = gcd(numerator < 0n ? -numerator : numerator, denominator * sign);
  return { numerator: (numerator * sign) / divisor, denominator: (denominator * sign) / divisor };
}

/** Reads `12`, `-0.25`, `1e-7` or `1/3`. @returns null for any other text. */
export function parseRational(text: string): Rational | null {
  const fraction = FRACTION_FORM.exec(text);
  if (fraction !== null) {
    const denominator = BigInt(fraction[2] ?? '0');
    return denominator === 0n ? null : rational(BigInt(fraction[1] ?? '0'), denominator);
  }
  const decimal = DECIMAL_FORM.exec(text);
  if (decimal === null) return null;
  const [, sign = '', whole = '', part = '', exponent = '0'] = decimal;
  const digits = BigInt(`${sign}${whole}${part}`);
  const shift = Number(exponent) - part.length;
  return shift >= 0 ? rational(digits * 10n ** BigInt(shift)) : rational(digits, 10n ** BigInt(-shift));
}

/** The fraction that the shortest decimal form of a number names: 0.3 is three tenths. @throws RangeError for NaN and infinities. */
export function rationalOf(value: number): Rational {
  const parsed = parseRational(String(value));
  if (parsed === null) throw new RangeError(`${value} is not a finite number.`);
  return parsed;
}

export const add = (a: Rational, b: Rational): Rational => rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);
export const negate = (a: Rational): Rational => ({ numerator: -a.numerator, denominator: a.denominator });
export const subtract = (a: Rational, b: Rational): Rational => add(a, negate(b));
export const multiply = (a: Rational, b: Rational): Rational => rational(a.numerator * b.numerator, a.denominator * b.denominator);

/** @throws RangeError when the divisor is zero. */
export const divide = (a: Rational, b: Rational): Rational => rational(a.numerator * b.denominator, a.denominator * b.numerator);

/** Negative, zero or positive as `a` is below, equal to or above `b`. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export const isInteger = (a: Rational): boolean => a.denominator === 1n;

/** A decimal where one exists (`0.25`), else a fraction (`1/3`). */
export function formatRational({ numerator, denominator }: Rational): string {
  let rest = denominator;
  let places = 0;
  let factor = 1n;
  for (const [prime, other] of [[10n, 1n], [2n, 5n], [5n, 2n]] as const) {
    while (rest % prime === 0n && places < 400) {
      rest /= prime;
      factor *= other;
      places += 1;
    }
  }
  if (rest !== 1n) return `${numerator}/${denominator}`;
  if (places === 0) return numerator.toString();
  const scaled = numerator * factor;
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(places + 1, '0');
  return `${scaled < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** The largest multiple of 10^-places that is not above the value, as a number; for display. */
export function floorTo(value: Rational, places: number): number {
  const scale = 10n ** BigInt(places);
  const scaled = value.numerator * scale;
  const quotient = scaled / value.denominator;
  const floor = scaled < 0n && quotient * value.denominator !== scaled ? quotient - 1n : quotient;
  return Number(formatRational(rational(floor, scale)));
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 0n ? 1n : x;
}
