module cluster-test/app

go 1.22
