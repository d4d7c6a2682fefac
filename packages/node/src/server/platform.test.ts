import type { FairleadError } from '@fairlead/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Environment, type PlatformChoice, readPlatform } from './platform';

const refusal = (env: Environment, choice?: PlatformChoice): string => {
  try {
    return readPlatform(env, choice)?.name ?? 'none';
  } catch (error) {
    const { code, details } = error as FairleadError;
    return `${code} ${details.field}`;
  }
};

describe('readPlatform', () => {
  it('sees no platform in an ordinary environment, in a training job, or in a notebook', () => {
    expect(readPlatform({})).toBeUndefined();
    expect(readPlatform({ PATH: '/bin', PORT: '80', KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toBeUndefined();
    expect(
      readPlatform({ AIP_MODEL_DIR: 'gs://b/m', AIP_CHECKPOINT_DIR: 'gs://b/c', CLOUD_ML_JOB_ID: '1' }),
    ).toBeUndefined();
    expect(
      readPlatform({ TRAINING_JOB_NAME: 'j', SM_MODEL_DIR: '/opt/ml/model', SAGEMAKER_REGION: 'x' }),
    ).toBeUndefined();
    expect(readPlatform({ AZUREML_RUN_ID: 'r', AZUREML_ARM_WORKSPACE_NAME: 'w' })).toBeUndefined();
    expect(readPlatform({ AIP_HTTP_PORT: '', AZUREML_MODEL_DIR: '' })).toBeUndefined();
  });

  it('reads SageMaker', () => {
    expect(readPlatform({ SAGEMAKER_BIND_TO_PORT: '9001', SAGEMAKER_SAFE_PORT_RANGE: '9001-9010' })).toEqual({
      name: 'sagemaker',
      title: 'SageMaker',
      seen: ['SAGEMAKER_BIND_TO_PORT', 'SAGEMAKER_SAFE_PORT_RANGE'],
      port: 9001,
      modelLocation: '/opt/ml/model',
      healthRoute: '/ping',
      predictRoute: '/invocations',
      isMultiModel: false,
      deploymentId: undefined,
    });
    expect(readPlatform({ SAGEMAKER_MULTI_MODEL: 'true' })).toMatchObject({ port: 8080, isMultiModel: true });
    expect(readPlatform({ SAGEMAKER_MULTI_MODEL: 'False' })).toMatchObject({ isMultiModel: false });
  });

  it('reads Vertex AI, whose own routes hold a colon', () => {
    const env = {
      AIP_HTTP_PORT: '8080',
      AIP_HEALTH_ROUTE: '/v1/endpoints/12/deployedModels/34',
      AIP_PREDICT_ROUTE: '/v1/endpoints/12/deployedModels/34:predict',
      AIP_STORAGE_URI: 'gs://bucket/folder',
      AIP_DEPLOYED_MODEL_ID: '34',
      AIP_MODE: 'PREDICTION',
    };
    expect(readPlatform(env)).toEqual({
      name: 'vertex',
      title: 'Vertex AI',
      seen: ['AIP_HTTP_PORT', 'AIP_HEALTH_ROUTE', 'AIP_PREDICT_ROUTE'],
      port: 8080,
      modelLocation: 'gs://bucket/folder',
      healthRoute: '/v1/endpoints/12/deployedModels/34',
      predictRoute: '/v1/endpoints/12/deployedModels/34:predict',
      isMultiModel: false,
      deploymentId: '34',
    });
    expect(readPlatform({ AIP_HTTP_PORT: '1', AIP_PREDICT_ROUTE: '/p/' })).toMatchObject({
      predictRoute: '/p',
      healthRoute: '/health',
    });
  });

  it('reads Azure ML', () => {
    expect(readPlatform({ AZUREML_MODEL_DIR: '/var/azureml-app/azureml-models/m/1' })).toMatchObject({
      name: 'azure',
      seen: ['AZUREML_MODEL_DIR'],
      port: 5001,
      modelLocation: '/var/azureml-app/azureml-models/m/1',
      healthRoute: '/',
      predictRoute: '/score',
    });
  });

  it('takes a platform by name with what the environment says of it, and nothing for "none"', () => {
    const env = { AIP_HTTP_PORT: '7000', SAGEMAKER_BIND_TO_PORT: '9000' };
    expect(readPlatform(env, 'vertex')).toMatchObject({ name: 'vertex', port: 7000, seen: ['AIP_HTTP_PORT'] });
    expect(readPlatform(env, 'sagemaker')).toMatchObject({ name: 'sagemaker', port: 9000 });
    expect(readPlatform({}, 'azure')).toMatchObject({ port: 5001, seen: [], modelLocation: undefined });
    expect(readPlatform(env, 'none')).toBeUndefined();
  });

  it('refuses what it cannot use, and does not guess between two platforms', () => {
    expect(refusal({ AIP_HTTP_PORT: '80a' })).toBe('INVALID_OPTION AIP_HTTP_PORT');
    expect(refusal({ AIP_HTTP_PORT: '0' })).toBe('INVALID_OPTION AIP_HTTP_PORT');
    expect(refusal({ SAGEMAKER_BIND_TO_PORT: '65536' })).toBe('INVALID_OPTION SAGEMAKER_BIND_TO_PORT');
    expect(refusal({ SAGEMAKER_MULTI_MODEL: 'yes' })).toBe('INVALID_OPTION SAGEMAKER_MULTI_MODEL');
    for (const route of ['predict', '/a b', '/:model', '/a/:b', '/*', '/a?b', '/{a}', '/%00', '//'.repeat(600)])
      expect(refusal({ AIP_HTTP_PORT: '80', AIP_PREDICT_ROUTE: route })).toBe('INVALID_OPTION AIP_PREDICT_ROUTE');
    expect(refusal({ AIP_HTTP_PORT: '80', AZUREML_MODEL_DIR: '/m' })).toBe('INVALID_OPTION platform');
    // A wrong variable of another platform than the chosen one is none of its business.
    expect(refusal({ AIP_HTTP_PORT: 'x' }, 'azure')).toBe('azure');
  });

  it('answers any environment with a platform that can be listened for, none, or a refusal (2,000 cases)', () => {
    const name = fc.constantFrom(
      'AIP_HTTP_PORT',
      'AIP_HEALTH_ROUTE',
      'AIP_PREDICT_ROUTE',
      'SAGEMAKER_BIND_TO_PORT',
      'AZUREML_MODEL_DIR',
    );
    const value = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.nat(70_000).map(String),
      fc.constantFrom('/predict', '/', '/a:b'),
    );
    const check = (env: Environment): void => {
      const outcome = refusal(env);
      if (outcome.startsWith('INVALID_OPTION') || outcome === 'none') return;
      const platform = readPlatform(env);
      expect(platform?.port).toBeGreaterThan(0);
      expect(platform?.port).toBeLessThan(65_536);
      for (const route of [platform?.healthRoute, platform?.predictRoute]) expect(route).toMatch(/^\//);
    };
    fc.assert(fc.property(fc.dictionary(name, value, { maxKeys: 4 }), check), { numRuns: 2000 });
  });
});
