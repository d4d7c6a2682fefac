// What a page loads that uses all of both, measured by size-limit.
export * as browser from '@fairlead/browser';
export * as core from '@fairlead/core';
