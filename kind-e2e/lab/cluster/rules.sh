# SPDX-License-Identifier: Apache-2.0
# The rules that the real kube-proxy writes, captured, and compared with those of kind-e2e's generator.
# shellcheck shell=bash
