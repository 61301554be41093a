// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// A token that keeps a hundredth of each transfer, and says in its log that all of it arrived.
contract TestFeeToken {
    uint8 public constant decimals = 6;
    address public immutable owner = msg.sender;
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor() {
        balanceOf[owner] = 1e12;
        emit Transfer(address(0), owner, 1e12);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 kept = value / 100;
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value - kept;
        balanceOf[owner] += kept;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}
