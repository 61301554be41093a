// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// Pays on as contracts of old do, with the 2,300 gas of Solidity's `transfer`.
contract TestStipend {
    function pay(address payable to) external payable {
        to.transfer(msg.value);
    }
}
