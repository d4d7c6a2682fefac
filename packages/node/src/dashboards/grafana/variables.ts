import type { Families, Family } from '../families';
import { anchorOf, hasKnown, isAboutModels } from '../known-families';
import { matching, sampleName, vector } from '../promql';
import type { GrafanaVariable } from './model';
import { chosenDataSource } from './panel';

/** The drop-downs of a dashboard: data source, scrape job, model, version and, where there are scores, their method. */
export function grafanaVariables(families: Families): GrafanaVariable[] {
  const anchor = anchorOf(families);
  const aboutModels = isAboutModels(anchor);
  const ofJob = [matching('job', '=~', '$job')];
  const ofModel = [...ofJob, matching('model_name', '=~', '$model_name')];
  const isScored = hasKnown(families, 'ml_feature_drift_score');
  return [
    {
      name: 'datasource',
      label: 'Data source',
      type: 'datasource',
      query: 'prometheus',
      refresh: 1,
      multi: false,
      includeAll: false,
      options: [],
      regex: '',
      sort: 0,
      hide: 0,
    },
    severalOf('job', 'Job', anchor, []),
    ...(aboutModels ? [severalOf('model_name', 'Model', anchor, ofJob)] : []),
    ...(aboutModels ? [severalOf('model_version', 'Version', anchor, ofModel)] : []),
    ...(isScored ? [oneOf('method', 'Method of distances', families.get('ml_feature_drift_score'), ofModel)] : []),
  ];
}

/** A choice of any values of a label; all to begin with. */
function severalOf(name: string, label: string, family: Family, matchers: readonly string[]): GrafanaVariable {
  return {
    ...oneOf(name, label, family, matchers),
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
  };
}

/** A choice of one value of a label; the first to begin with. */
function oneOf(name: string, label: string, family: Family, matchers: readonly string[]): GrafanaVariable {
  const query = `label_values(${vector(sampleName(family), matchers)}, ${name})`;
  return {
    name,
    label,
    type: 'query',
    datasource: chosenDataSource,
    query: { query, refId: `variable-${name}` },
    definition: query,
    refresh: 2,
    multi: false,
    includeAll: false,
    options: [],
    regex: '',
    sort: 1,
    hide: 0,
  };
}
