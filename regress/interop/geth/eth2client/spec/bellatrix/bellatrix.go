// SPDX-License-Identifier: ISC

package bellatrix

type Transaction []byte
