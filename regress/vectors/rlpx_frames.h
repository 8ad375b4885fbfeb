/* SPDX-License-Identifier: ISC */
/*
 * One stream of frames as go-ethereum 1.17.10 (p2p/rlpx) writes them with the
 * AES key keccak256("aes"), the MAC key keccak256("mac") and an egress MAC that
 * has taken "egress".  The last three are compressed.
 */
/* code 8, c401020304 */
#define GETH_FRAME1 \
	"2c7ad087474564553de43436c5c186db25489c7f9a3ec4b8179a84de54459f6b0d6f2bb9" \
	"c376e6e53e0214698892e00b6686b596a1571a20a165da8cac45ad74"
/* code 0, empty */
#define GETH_FRAME2 \
	"b2a604d7865d7b906455ab94d26af6ef5e0de64fb49eb6e8878f74f2c8611bc72ef0ad3d" \
	"ecb361f6c2f45069c1365aa3dfb56d5ccac1f66d58f6eacbfc5bda1e"
/* code 16, bytes 0 to 199 */
#define GETH_FRAME3 \
	"3cce972567c96229a316536821f22dcada340b8fc45b0b2293db50588c91ece5e554f95b" \
	"57de8af38cd97c81d540e8e11a513745e5420a31d1b355dc3ec4f2f3a0ebff68210c74eb" \
	"8dafc53162baa285bccf78d9461246708276d9e808844cc4b3ef0383763e4f82edbac51e" \
	"0603867bb68de332d33f68b60544c867bd29eb591435cd7924996957a0dcbae29214e633" \
	"98b423ca1ea97db1069bf4075994f3ca36e08896d3fc6e4f9d6008df239fb9cf9fe6c570" \
	"5cfa415b7dc047e5595f0c478886577a482c32ed3514a3552edc11c427dcaaadde575fcc" \
	"08b71bb1e636197c1ddaed2ce7660c966b42e1388fd79b6e2a7589fb25b62d12bd8ca167" \
	"b8526e35"
/* code 0x1234, 300 times "a", compressed */
#define GETH_FRAME4 \
	"d238eabb385220997775e0605be0ac4c83ee86cfa2380d1660401f54daa30d8b94bb135c" \
	"ff5bc17fb4d5b0aa9dc6dcb32f47f97f8559cbf29de6218c6f3edcc7c7ccf9f7edb3b516" \
	"e7dc3febe809e273"
/* code 2^64 - 1, c0, compressed */
#define GETH_FRAME5 \
	"2eb20e4aefe839922d00c495ab118fc97777221d90bc70e50c36db1da89358986d58730f" \
	"ba266e65d890e29472f83d731e73103a14ccf1bad407b4f8c7484bcd"
/* code 2, empty, compressed */
#define GETH_FRAME6 \
	"4631d3e3fa02e8b58a1f5501032deec12eae63602829a816cbd5141e6c6a40bc414f413b" \
	"8362efb5a948b31db5ea6e10d83ad2124326d2b50dcc2fc9186afcad"
