'use client';

export * from '../store/index';
export { type ModelState, useModel } from './use-model';
