/** Prometheus's rule files, made of the rules that policy-governance knows its alerts by. */
import { ALERT_RULES } from '../../subgraphs/policy-governance/seed-alert-rules.js';
import type { AlertRule } from '../../subgraphs/policy-governance/domain-alerts.js';
import { RECORDING_RULES } from './recording-rules.js';
import { RULE_CASES, type RuleCase } from './rule-cases.js';

const NOTE = '# Written by "npm run monitoring"; edit its sources, ops/monitoring and subgraphs/policy-governance/seed-alert-rules.ts.\n';
/** Scrapes in the tests of the rules. */
const TEST_INTERVAL = '15s';
/** Pause between two evaluations in the tests: each of them evaluates every rule. */
const TEST_EVALUATION = '1m';

/** Recording rules as a rule file. */
export function recordingFile(): string {
  const rules = RECORDING_RULES.map(({ record, expression, labels }) => `      - record: ${record}\n        expr: ${quoted(expression)}\n${labels === undefined ? '' : `        labels: { ${Object.entries(labels).map(([name, value]) => `${name}: ${quoted(value)}`).join(', ')} }\n`}`);
  return `${NOTE}groups:\n  - name: acgs_recording\n    rules:\n${rules.join('')}`;
}

/**
 * Alert rules as a rule file.
 * @param constitutionalHash label every alert carries: the webhook marks alerts under another one as unverified.
 */
export function alertFile(constitutionalHash: string): string {
  const rules = ALERT_RULES.map((rule) => {
    const { name, expression, forSeconds } = rule;
    const pairs = (values: Readonly<Record<string, string>>): string => Object.entries(values).map(([key, value]) => `          ${key}: ${quoted(value)}\n`).join('');
    return `      - alert: ${name}\n        expr: ${quoted(expression)}\n        for: ${forSeconds}s\n        labels:\n${pairs(labelsOf(rule, constitutionalHash))}        annotations:\n${pairs(annotationsOf(rule))}`;
  });
  return `${NOTE}groups:\n  - name: acgs_production_alerts\n    rules:\n${rules.join('')}`;
}

/** Tests of every alert for `promtool test rules`: one case in which it fires, one in which it must not. */
export function alertTestFile(constitutionalHash: string): string {
  const tests = ALERT_RULES.flatMap((rule) => {
    const { fires, quiet } = RULE_CASES[rule.name] ?? missing(rule.name);
    return [testText(rule, fires, constitutionalHash, `${rule.name} fires`), testText(rule, { ...quiet, labels: undefined }, constitutionalHash, `${rule.name} stays quiet`)];
  });
  return `${NOTE}rule_files: [../rules/recording.yml, ../rules/alerts.yml]\nevaluation_interval: ${TEST_EVALUATION}\ntests:\n${tests.join('')}`;
}

function testText(rule: AlertRule, { series, at, labels }: RuleCase, constitutionalHash: string, name: string): string {
  const inputs = Object.entries(series).map(([selector, values]) => `      - series: ${quoted(selector)}\n        values: ${quoted(values)}\n`).join('');
  const flow = (values: Readonly<Record<string, string>>): string => `{ ${Object.entries(values).map(([key, value]) => `${key}: ${quoted(value)}`).join(', ')} }`;
  const expected = labels === undefined ? ' []\n' : `\n${labels.map((own) => {
    const { summary = '', ...rest } = annotationsOf(rule);
    return `          - exp_labels: ${flow({ ...own, ...labelsOf(rule, constitutionalHash) })}\n            exp_annotations: ${flow({ summary: summary.replace(SERVICE_TEMPLATE, own['service'] === undefined ? '' : ` of ${own['service']}`), ...rest })}\n`;
  }).join('')}`;
  return `  - name: ${name}\n    interval: ${TEST_INTERVAL}\n    input_series:\n${inputs}    alert_rule_test:\n      - eval_time: ${at}\n        alertname: ${rule.name}\n        exp_alerts:${expected}`;
}

const SERVICE_TEMPLATE = '{{ with $labels.service }} of {{ . }}{{ end }}';

function labelsOf({ level }: AlertRule, constitutionalHash: string): Record<string, string> {
  return { severity: level.toLowerCase(), constitutional_hash: constitutionalHash };
}

function annotationsOf({ name, description, runbook }: AlertRule): Record<string, string> {
  return { summary: `${name}${SERVICE_TEMPLATE}`, description, runbook_url: runbook };
}

/** A YAML text in single quotes, in which only the quote itself is special. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function missing(name: string): never {
  throw new Error(`ops/monitoring/rule-cases.ts has no case for the alert ${name}.`);
}
