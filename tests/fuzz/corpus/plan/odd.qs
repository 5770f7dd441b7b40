#qs 1	t_ns	kind	qname	rcode	qtype
1	q	a\.b\009.	RCODE11	TYPE65280
0	q	.	0	0
